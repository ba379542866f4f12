"""A user's own bot, tested against a federation that crashes, parts, and has a gateway that lies.

python examples/federation_in_a_test.py
"""

from chatproto import Message
from chatproto.client import Position
from chatproto.testing import Network

ANSWERS = 12


class ScoreBot:
    """The bot: it tells everybody who asks the score. ``memory`` is its disk: how far it has got."""

    def __init__(self, network: Network, memory: list[Position]) -> None:
        after, epoch = memory[-1]
        self._client = network.client("bot", "alpha", device="bot", after=after, epoch=epoch)
        self._memory = memory
        self._client.on_message(self._answer)
        self.ready = self._client.connect()

    async def _answer(self, message: Message) -> None:
        if message.kind == "text" and message.text.startswith("score of "):
            answer = message.text.removeprefix("score of ") + ": 2-1"
            # Killed before the next line, it sees the question again, and gives the answer the same cid.
            await self._client.send(message.from_, answer, cid=message.mid.replace("/", ":"))
        self._memory.append(self._client.reached)


def test_everybody_is_told_each_score_once(seed: int) -> None:
    network = Network(seed)
    gamma = network.realm("gamma", peers=["alpha", "beta"], relay=True, honest=False)
    alpha = network.realm("alpha", users=["bot"], peers=["gamma"], routes={"beta": "gamma"})
    beta = network.realm("beta", users=["messi"], peers=["gamma"], routes={"alpha": "gamma"})
    realms = (alpha, beta, gamma)
    for realm in realms:
        network.wait(realm.start())
    memory = [Position(0, None)]
    network.wait(ScoreBot(network, memory).ready)
    messi = network.client("messi", "beta")
    heard: list[str] = []
    messi.on_message(lambda message: heard.append(message.text))
    network.wait(messi.connect())

    alpha.troubles.commit_seconds = (0.0, 5.0)  # a slow disk: the bot is often killed while it waits
    chance = network.random("my test")
    for number in range(ANSWERS):
        messi.send("bot@alpha", f"score of match {number}")
        network.run(chance.uniform(0, 20))
        match chance.choice(("crash", "bot crashes", "partition", "nothing")):
            case "crash":
                victim = chance.choice(realms)
                victim.crash()
                network.run(chance.uniform(0, 60))
                network.wait(victim.start())
            case "bot crashes":
                network.machine("bot@alpha").end()
                network.run(chance.uniform(0, 60))
                ScoreBot(network, memory)
            case "partition":
                network.partition("gamma", chance.choice(("alpha", "beta")), one_way=chance.random() < 0.5)
                network.run(chance.uniform(0, 200))
                network.heal()

    gamma.be_honest()  # a gateway that drops everything for ever is no way at all
    network.until(lambda: len(heard) >= ANSWERS, within=2 * 3600)
    network.run(600)
    # Everything once, in the order in which it was asked, and nothing that nobody said.
    assert heard == [f"match {number}: 2-1" for number in range(ANSWERS)], f"seed {seed}: {heard}"


if __name__ == "__main__":
    for each in range(10):
        test_everybody_is_told_each_score_once(each)
    print("everybody was told each score once, with each of 10 seeds")
