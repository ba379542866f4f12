"""Everything that one can type with a slash before it, by subject.

To add one: a function in the module of its subject, and a line here. Its usage is its grammar: words in
brackets may be left out, and the words tell what is completed in their place.
"""

from __future__ import annotations

from chatproto import commands
from chatproto.cli.slashes import files, groups, messages, people, scripts
from chatproto.cli.slashes.base import Mistake, Slash

__all__ = ["SLASHES", "SUBJECTS", "Mistake", "Slash"]

SUBJECTS = {
    "talk": (
        Slash("/to NAME", messages.talk_to),
        Slash("/msg NAME TEXT", messages.msg),
        Slash("/history [NAME]", messages.history),
        Slash("/more [NAME]", messages.more),
        Slash("/conversations", messages.conversations),
        Slash("/all", messages.show_all),
    ),
    "files": (
        Slash("/file PATH", files.file),
        Slash("/save [FILE] [FOLDER]", files.save),
        Slash("/cancel [FILE]", files.cancel),
    ),
    "groups": (
        Slash("/create GROUP [TOPIC]", groups.create, commands.Create),
        Slash("/join GROUP", groups.join, commands.Join),
        Slash("/leave [GROUP]", groups.leave, commands.Leave),
        Slash("/groups", groups.groups, commands.Groups),
        Slash("/group [GROUP]", groups.group, commands.Group),
        Slash("/members [GROUP]", groups.members, commands.Members),
        Slash("/invite USER [GROUP]", groups.invite, commands.Invite),
        Slash("/kick USER [GROUP]", groups.kick, commands.Kick),
        Slash("/topic TOPIC", groups.topic, commands.SetTopic),
        Slash("/role USER admin|member [GROUP]", groups.role, commands.SetRole),
        Slash("/transfer USER [GROUP]", groups.transfer, commands.Transfer),
        Slash("/set OPTION=VALUE [GROUP]", groups.configure, commands.Configure),
        Slash("/delete-group GROUP", groups.delete, commands.DeleteGroup),
        Slash("/live [on|off]", groups.live, commands.Live),
    ),
    "people": (
        Slash("/who", people.who, commands.Active),
        Slash("/block NAME", people.block, commands.Block),
        Slash("/unblock NAME", people.unblock, commands.Unblock),
        Slash("/blocks", people.blocks, commands.Blocks),
    ),
    "your account": (
        Slash("/password", people.password),
        Slash("/sessions", people.sessions, commands.Sessions),
        Slash("/revoke NUMBER", people.revoke, commands.Revoke),
        Slash("/delete-account", people.delete_account, commands.DeleteAccount),
    ),
    "this program": (
        Slash("/wait SECONDS", scripts.wait),
        Slash("/expect COUNT [SECONDS]", scripts.expect),
        Slash("/help [COMMAND]", messages.help_),
        Slash("/quit", messages.quit_),
    ),
}

SLASHES = {slash.name: slash for slashes in SUBJECTS.values() for slash in slashes}
