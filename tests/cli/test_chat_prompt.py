"""``chatproto chat`` at a terminal, as a person sees it: with a real realm and an emulated screen."""

from __future__ import annotations

import re

import pytest

from tests.cli.prompts import ALT_ENTER, CTRL_C, CTRL_D, ENTER, PAGE_UP, TAB, House, Person, at_home


async def talks(person: Person, *lines: str) -> None:
    """Type lines without waiting between them."""
    for line in lines:
        person.type(line, ENTER)


# Talking


@at_home
async def test_two_talk_and_see_what_becomes_of_what_they_say(house: House) -> None:
    messi, lineker = await house.sits_down("messi"), await house.sits_down("lineker")
    await talks(messi, "/to lineker", "halo")
    await messi.sees("messi: halo", "delivered")
    await lineker.sees("[messi] halo", "messi 1")
    await talks(lineker, "/to messi")
    await messi.sees("| read |")
    assert lineker.said()[-1] == "messi: halo"
    await lineker.until(lambda: "messi 1" not in lineker.bar)
    lineker.type("so")
    await messi.sees("lineker is writing")
    lineker.type(" there you are", ENTER)
    await messi.sees("lineker: so there you are")
    await messi.until(lambda: "writing" not in messi.bar)
    assert messi.said() == ["messi: halo", "lineker: so there you are"]


@at_home
async def test_what_comes_does_not_disturb_what_is_being_typed(house: House) -> None:
    messi, bot = await house.sits_down("messi"), await house.bot("lineker")
    await talks(messi, "/to lineker")
    messi.type("half a li")
    await messi.sees("lineker> half a li")
    for number in range(3):
        await house.done(bot.send("messi", f"number {number}"))
    await messi.sees("number 2")
    messi.type("ne", ENTER)
    await messi.sees("messi: half a line")
    assert messi.said() == [*(f"lineker: number {number}" for number in range(3)), "messi: half a line"]


@at_home
async def test_lines_go_to_whom_they_were_typed_for_however_quickly(house: House) -> None:
    messi, lineker, bot = await house.sits_down("messi"), await house.bot("lineker"), await house.bot("amsal")
    await talks(messi, "/to lineker", "one", "/to amsal", "two")
    await talks(messi, "/to nobdy", "a secret", "/msg lineker three")
    await messi.sees("[lineker] messi: three")
    assert "error: no-such-user: there is no such user or group" in messi.shown
    assert "error: whom to? begin with /to NAME" in messi.shown  # a slip must not reach the one before
    assert [item.text for item in (await house.done(lineker.history("messi"))).messages] == ["one", "three"]
    assert [item.text for item in (await house.done(bot.history("messi"))).messages] == ["two"]
    assert not any("secret" in item for item in messi.said())


@at_home
async def test_a_text_that_is_refused_is_told_with_the_reason(house: House) -> None:
    messi, bot = await house.sits_down("messi"), await house.bot("lineker")
    await house.done(bot.account.block("messi"))
    await talks(messi, "/to lineker", "do you hear me?")
    await messi.sees(
        "error: not sent to lineker: the recipient does not accept messages from you", "(do you hear me?)"
    )
    await messi.until(lambda: "not sent yet" not in messi.bar)


@at_home
async def test_several_lines_that_are_pasted_are_one_message(house: House) -> None:
    messi, bot = await house.sits_down("messi"), await house.bot("lineker")
    await talks(messi, "/to lineker")
    messi.type("\x1b[200~  one\r\n12:00 lineker: two\x1b[201~", ALT_ENTER, "three", ENTER)
    await messi.sees("messi:   one", "      12:00 lineker: two", "      three")
    [item] = (await house.done(bot.history("messi"))).messages
    assert item.text == "  one\n12:00 lineker: two\nthree"


@at_home
async def test_nothing_that_others_say_controls_the_terminal(house: House) -> None:
    messi, bot = await house.sits_down("messi"), await house.bot("evil")
    await house.done(bot.groups.create("tim"))
    evil = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp\r"
    await house.done(bot.send("messi", f"{evil}elsewhere"))
    await talks(messi, "/join tim", "/to evil")
    await messi.sees("evil: ")
    await house.done(bot.send("messi", f"{evil}here\n{evil}and there"))
    await house.done(bot.send("tim", f"{evil}group"))
    await talks(messi, "/to tim")
    await messi.sees(r"\x9b31m\u202egnp\rgroup")
    assert any(line.startswith(r"[evil] \x1b[2J\x1b]0;title\x07\x9b31m\u202egnp") for line in messi.said())
    for sequence in ("\x1b[2J", "\x1b]0", "\x9b", "\u202e", "\x07"):
        assert sequence not in messi.glass.written


# Several conversations


@at_home
async def test_groups_elsewhere_are_counted_and_people_elsewhere_told_in_a_line(house: House) -> None:
    messi, lineker = await house.sits_down("messi"), await house.bot("lineker")
    await house.done(lineker.groups.create("tim"))
    await talks(messi, "/join tim", "/to lineker")
    await messi.sees("nothing was said yet", "lineker>")
    await house.done(lineker.send("tim", "to the group"))
    amsal = await house.bot("amsal")
    await house.done(amsal.send("messi", "a long text " * 20))
    await messi.sees("tim 1", "amsal 1")
    assert not any("to the group" in line for line in messi.shown)
    [line] = [line for line in messi.shown if "[amsal]" in line]
    assert line.endswith("…")
    assert len(line) == 79
    await talks(messi, "/all")
    await messi.sees("shown in short lines")
    await house.done(lineker.send("tim", "to the group again"))
    await messi.sees("[tim] lineker: to the group again", "tim 2")
    await talks(messi, "/to tim")
    await messi.until(lambda: "lineker: to the group" in messi.said())
    await messi.until(lambda: "tim 2" not in messi.bar)
    await messi.until(lambda: "amsal 1" in messi.bar)


@at_home
async def test_what_was_read_is_read_everywhere(house: House) -> None:
    lineker = await house.bot("lineker")
    first, second = await house.sits_down("messi"), await house.sits_down("messi")
    await house.done(lineker.send("messi", "one"))
    await first.sees("lineker 1")
    await second.sees("lineker 1")
    await talks(first, "/to lineker")
    await second.until(lambda: "lineker 1" not in second.bar)
    await talks(first, "mine")
    await second.sees("[lineker] messi: mine")
    await first.leave()
    third = await house.sits_down("messi")
    await third.sees("you are messi@alpha")
    assert "unread" not in "\n".join(third.shown)


@at_home
async def test_what_was_seen_for_a_moment_is_read(house: House) -> None:
    messi, bot = await house.sits_down("messi"), await house.bot("lineker")
    await house.done(bot.send("messi", "one"))
    await messi.sees("lineker 1")
    await talks(messi, "/to lineker", "/to messi")
    await messi.sees("messi>")
    await messi.leave()
    messi = await house.sits_down("messi")
    await messi.sees("you are messi@alpha")
    assert "lineker" not in "".join(messi.shown)


@at_home
async def test_a_flood_from_elsewhere_is_counted_and_not_listed(house: House) -> None:
    messi, bot = await house.sits_down("messi"), await house.bot("lineker")
    for number in range(100):
        bot.send("messi", str(number))
    await messi.sees("lineker 100")
    assert 5 <= len([line for line in messi.shown if "[lineker]" in line]) <= 20


@at_home
async def test_history_is_paged_without_a_line_twice(house: House) -> None:
    messi, bot = await house.sits_down("messi"), await house.bot("lineker")
    for number in range(65):
        await house.done(bot.send("messi", f"n{number}."))
    await messi.sees("lineker 65")
    await talks(messi, "/to lineker")
    await messi.sees("65 are unread; PageUp", "lineker: n64.")
    assert [line for line in messi.said() if "[" not in line] == [f"lineker: n{n}." for n in range(15, 65)]
    messi.type(PAGE_UP)
    await messi.sees("lineker: n0.", "-- there is nothing before, with lineker")
    pages = [line for line in messi.said() if "[" not in line]
    assert sorted(pages) == sorted(f"lineker: n{n}." for n in range(65))
    await talks(messi, "/history")
    await messi.until(lambda: messi.said()[-1] == "lineker: n64.")
    await talks(messi, "/more")
    await messi.until(lambda: messi.said()[-1] == "lineker: n44.")
    assert messi.said()[-20:] == [f"lineker: n{n}." for n in range(25, 45)]


# Groups and people


@at_home
async def test_a_group_is_led_from_the_prompt(house: House) -> None:
    messi, lineker = await house.sits_down("messi"), await house.sits_down("lineker")
    await talks(messi, "/create tim football", "/set access=invited", "/invite lineker", "/groups", "/group")
    await lineker.sees("messi invites you to tim: /join tim", "messi 1")
    await messi.sees("tim (owner)", "your role: owner; history=joined access=invited")
    await talks(lineker, "/join tim", "/members")
    await messi.sees("-- lineker joined")
    await lineker.sees("topic: football", "lineker  messi (owner)")
    await talks(lineker, "/topic tennis")
    await lineker.sees("error: not-allowed: this is for the group's owner and admin")
    await talks(messi, "/role lineker admin", "/role lineker king", "/set history=all", "/set colour=red")
    await lineker.sees("-- messi made lineker an admin", "-- messi set history=all")
    await messi.sees("a role is admin or member, not king", "an option is history=joined, history=all")
    await talks(lineker, "/topic tennis")
    await messi.sees("-- lineker set the topic: tennis")
    await talks(messi, "/transfer lineker", "/kick lineker")
    await lineker.sees("-- lineker is the owner now")
    await messi.sees("error: not-allowed")
    await talks(lineker, "/kick messi")
    await messi.sees("-- lineker removed messi")
    await talks(lineker, "/delete-group tim")
    await lineker.sees("-- deleted tim")
    await lineker.until(lambda: any(line == ">" for line in lineker.screen))


@at_home
async def test_who_is_live_is_in_the_bar(house: House) -> None:
    messi, lineker = await house.sits_down("messi"), await house.sits_down("lineker")
    await talks(messi, "/create tim", "/live")
    await messi.sees("-- live in tim: messi", "live: messi |")
    await talks(lineker, "/join tim", "/live")
    await messi.sees("live: lineker, messi")
    await house.stop()
    await messi.sees("no connection")
    await lineker.sees("no connection")
    await house.start()
    await messi.sees("online", "live: lineker, messi")
    await lineker.sees("online", "live: lineker, messi")
    await talks(lineker, "/live off")
    await messi.sees("live: messi |")


@at_home
async def test_somebody_is_blocked_and_unblocked(house: House) -> None:
    messi, bot = await house.sits_down("messi"), await house.bot("lineker")
    await talks(messi, "/blocks", "/block lineker", "/blocks", "/who")
    await messi.sees("-- nobody is blocked", "-- blocked lineker", "lineker  messi")
    await talks(messi, "/unblock lineker")
    await messi.sees("-- unblocked lineker")
    await house.done(bot.send("messi", "at last"))
    await messi.sees("[lineker] at last")


# One's own account


@at_home
async def test_a_password_is_changed_and_never_shown(house: House) -> None:
    messi, other = await house.sits_down("messi"), await house.sits_down("messi")
    messi.type("/password", ENTER)
    await messi.sees("old password:")
    messi.type("secret", ENTER)
    await messi.sees("new password:")
    messi.type("Hidden1")
    await messi.sees("new password: *******")
    messi.type(ENTER, "Hidden2", ENTER)
    await messi.sees("two different passwords; nothing was changed")
    for answer in ("/password", "secret", "Hidden1", "Hidden1"):
        messi.type(answer, ENTER)
    await messi.sees("the password is changed")
    await other.until(other.task.done)
    assert other.terminal.error is not None
    assert "your session was ended" in other.terminal.error
    messi.type("\x1b[A")  # the line before
    await messi.sees("> /password")
    assert not re.search("Hidden|secret", messi.glass.written)
    await (await house.sits_down("messi", password="Hidden1")).sees("online")


@at_home
async def test_a_question_can_be_left_and_keeps_the_line_that_was_being_typed(house: House) -> None:
    messi = await house.sits_down("messi")
    messi.type("/password", ENTER, "half a line")
    await messi.sees("old password:")
    messi.type(CTRL_C)
    await messi.sees("nothing was done")
    assert not messi.task.done()


@at_home
async def test_sessions_are_listed_and_ended(house: House) -> None:
    messi, bot = await house.sits_down("messi"), await house.bot("messi")
    await talks(messi, "/sessions")
    await messi.sees("(this one)")
    [other] = [
        state.session for state in (await house.done(bot.account.sessions())).sessions if state.current
    ]
    await talks(messi, "/revoke x", f"/revoke {other}")
    await messi.sees("x is not the number of a session", f"session {other} is ended")
    await messi.until(lambda: bot.token is not None and bot.state.value != "online")


@at_home
async def test_who_is_sent_away_from_elsewhere_is_told_and_stays_away(house: House) -> None:
    messi, bot = await house.sits_down("messi"), await house.bot("messi")
    [other] = [
        state.session for state in (await house.done(bot.account.sessions())).sessions if not state.current
    ]
    await house.done(bot.account.revoke(other))
    await messi.until(messi.task.done)
    assert messi.terminal.error is not None
    assert messi.terminal.error.startswith("the talk is over: your session was ended")
    assert len((await house.done(bot.account.sessions())).sessions) == 1


@at_home
async def test_who_was_sent_away_while_the_realm_was_out_of_reach_is_told_too(house: House) -> None:
    messi = await house.sits_down("messi")
    before = house.backup()
    lineker = await house.sits_down("lineker")
    await house.restore(before)  # in which lineker has no session
    await lineker.until(lineker.task.done)
    assert lineker.terminal.error is not None
    assert "your session was ended" in lineker.terminal.error
    await messi.sees("online")


@at_home
async def test_an_account_is_deleted(house: House) -> None:
    messi = await house.sits_down("messi")
    messi.type("/delete-account", ENTER)
    await messi.sees("your password, to delete the account for ever:")
    messi.type("wrong", ENTER)
    await messi.sees("error: login-failed")
    messi.type("/delete-account", ENTER, "secret", ENTER)
    await messi.until(messi.task.done)
    assert messi.terminal.error is None
    assert "-- the account is deleted" in messi.shown


@at_home
async def test_who_leaves_is_logged_out(house: House) -> None:
    first, second = await house.sits_down("messi"), await house.sits_down("messi")
    bot = await house.bot("messi")
    first.type("/quit", ENTER)
    second.type("not sent", CTRL_C)  # it clears the line
    await second.until(lambda: ">" in second.screen)
    second.type(CTRL_D)
    await first.until(first.task.done)
    await second.until(second.task.done)
    assert len((await house.done(bot.account.sessions())).sessions) == 1


# The connection


@at_home
async def test_what_was_typed_while_the_realm_was_away_is_sent_once_and_in_order(house: House) -> None:
    messi, lineker = await house.sits_down("messi"), await house.sits_down("lineker")
    await talks(messi, "/to lineker", "before")
    await talks(lineker, "/to messi")
    await lineker.sees("messi: before")
    await house.stop()
    await messi.sees("no connection, trying again")
    await talks(messi, "one", "/who", "two", "three", "four")
    await messi.sees("… lineker: four", "4 not sent yet", "there is no connection to the realm now")
    assert not any("lineker: one" in line for line in messi.shown)  # the last three have room
    messi.type("five, half ty")
    await talks(lineker, "meanwhile")
    await house.start()
    await messi.sees("messi: four", "lineker: meanwhile", "online", "lineker> five, half ty")
    messi.type("ped", ENTER)
    await lineker.sees("messi: five, half typed", "lineker: meanwhile")
    ours = ["before", "one", "two", "three", "four", "five, half typed"]
    for person in (messi, lineker):
        assert [line for line in person.said() if line.startswith("messi:")] == [f"messi: {t}" for t in ours]
        assert person.said().count("lineker: meanwhile") == 1
        assert not any(line.startswith("…") for line in person.shown)
    await messi.until(lambda: "no connection" not in messi.bar)


@at_home
async def test_a_realm_that_was_put_back_is_heard_although_it_counts_anew(house: House) -> None:
    messi, bot = await house.sits_down("messi"), await house.bot("lineker")
    await talks(messi, "/to lineker", "before")
    await messi.sees("messi: before")
    older = house.backup()
    for number in range(20):
        await house.done(bot.send("messi", f"lost {number}"))
    await talks(messi, "mine, lost")
    await messi.sees("messi: mine, lost")
    await house.stop()
    await messi.sees("no connection")
    await house.restore(older)
    await messi.sees("online")
    again = await house.bot("lineker")
    await house.done(again.send("messi", "said anew"))
    await messi.sees("lineker: said anew")
    await talks(messi, "/to messi", "to myself")
    await messi.sees("messi: to myself")
    await house.done(again.send("messi", "elsewhere"))
    await messi.sees("[lineker] elsewhere", "lineker 1")


@at_home
async def test_a_conversation_that_was_opened_without_connection_is_shown_later(house: House) -> None:
    bot = await house.bot("lineker")
    messi = await house.sits_down("messi")
    await house.done(bot.send("messi", "from before"))
    await messi.sees("lineker 1")
    await house.stop()
    await messi.sees("no connection")
    await talks(messi, "/to lineker")
    await messi.sees("there is no connection; what was said is shown when there is one", "lineker>")
    await house.start()
    await messi.until(lambda: "lineker: from before" in messi.said())
    await messi.until(lambda: "lineker 1" not in messi.bar)


@at_home
async def test_a_realm_that_is_away_at_first_is_told_once_and_waited_for(house: House) -> None:
    await house.stop()
    messi = await house.sits_down("messi")
    await messi.sees("error: 127.0.0.1:8889: cannot connect", "Does `chatproto serve` run there")
    await house.start()
    await messi.sees("you are messi@alpha", "online")
    assert "\n".join(messi.shown).count("chatproto serve") == 1


@at_home
async def test_who_leaves_while_the_realm_is_away_is_told_what_was_not_sent(house: House) -> None:
    messi, _ = await house.sits_down("messi"), await house.bot("lineker")
    await talks(messi, "/to lineker")
    await messi.sees("lineker>")
    await house.stop()
    await talks(messi, "never sent", "/quit")
    await messi.until(messi.task.done)
    assert "error: not known to be sent to lineker: never sent" in messi.shown


@at_home
async def test_a_wrong_password_ends_it_with_a_clear_line(house: House) -> None:
    await house.bot("messi")
    messi = await house.sits_down("messi", password="wrong", register=False)
    await messi.until(messi.task.done)
    assert messi.terminal.error == "cannot log in: the user or the password is wrong"


# The prompt


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("/conv", "> /conversations"),
        ("/to lin", "> /to lineker"),
        ("/to TI", "> /to tim"),
        ("/role lineker ad", "> /role lineker admin"),
        ("/set history=a", "> /set history=all"),
        ("/invite lineker t", "> /invite lineker tim"),
        ("/help pass", "> /help password"),
        ("hello line", "> hello lineker"),
    ],
)
def test_tab_completes_what_can_stand_there(typed: str, completed: str) -> None:
    @at_home
    async def check(house: House) -> None:
        bot = await house.bot("lineker")
        messi = await house.sits_down("messi")
        await house.done(bot.send("messi", "halo"))
        await talks(messi, "/create tim", "/to lineker")
        await messi.sees("lineker>")
        messi.type(typed, TAB)
        await messi.sees(completed)

    check()


@at_home
async def test_mistakes_are_explained(house: House) -> None:
    messi = await house.sits_down("messi")
    await talks(messi, "hi", "/hisotry", "/xyzzy", "/to", "/more", "//to whom", "/help nope")
    await messi.sees("error: there is no nope")
    assert [line for line in messi.shown if line.startswith("error")] == [
        "error: whom to? begin with /to NAME",
        "error: there is no /hisotry; did you mean /history?",
        "error: there is no /xyzzy; /help lists what there is",
        "error: it is /to NAME",
        "error: of which conversation? name it, or begin with /to NAME",
        "error: whom to? begin with /to NAME",
        "error: there is no nope; /help lists what there is",
    ]


@at_home
async def test_help_is_that_of_the_protocol(house: House) -> None:
    messi = await house.sits_down("messi")
    await talks(messi, "/help", "/help kick")
    await messi.sees("Admins may kick members, the owner everybody else.")
    [kick] = [line for line in messi.shown if line.startswith("/kick USER [GROUP]   ")]
    assert kick.partition("]")[2].strip().startswith("Remove a member, who then reads nothing")
    assert kick.endswith("…")
    assert len(kick) == 79


@at_home
async def test_everything_fits_into_a_small_terminal(house: House) -> None:
    lineker, amsal = await house.bot("lineker"), await house.bot("amsal_the_forwarder")
    messi = await house.sits_down("messi", rows=15, columns=50)
    await house.done(amsal.send("messi", "x"))
    await talks(messi, "/to lineker")
    await messi.sees("lineker>")
    await house.done(lineker.send("messi", "some words that are long enough for two lines, or three " * 2))
    await house.done(lineker.send("messi", "你好世界" * 20))
    await house.done(lineker.send("messi", "end"))
    await talks(messi, "mine")
    await messi.sees("messi: mine")
    for line in messi.said()[1:]:
        assert line.split(":")[0] in ("lineker", "messi")
    continued = [line for line in messi.paper if line.startswith("      ")]
    assert len(continued) >= 5
    await messi.until(lambda: messi.bar.startswith("messi | online | amsal_the_forwarder 1"))
    await talks(messi, "/help")
    await messi.sees("/kick            Remove a member, who then reads…")


@at_home
async def test_colours_are_left_out_where_they_are_not_wanted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    coloured = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|4[0-7]|9[0-7]|38|48)[;m]")
    bot = await house.bot("lineker")
    for value, wanted in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", value)
        messi = await house.sits_down("messi")
        await talks(messi, "/to lineker", "/nope")
        await messi.sees("error:")
        await house.done(bot.send("messi", "halo"))
        await messi.sees("lineker: halo")
        assert bool(coloured.search(messi.glass.written)) is wanted
        await messi.leave()
