"""A bot that says everything back, tested against a realm that crashes and a network that fails.

python examples/hostile_bot.py
"""

from twisted.internet.defer import Deferred

from chatproto import ChatClient, Message
from chatproto.client import Sent
from chatproto.testing import Network


class EchoBot:
    """The bot: it answers each text with the same text, under a cid made of the text's own id."""

    def __init__(self, client: ChatClient) -> None:
        self._client = client
        client.on_message(self._answer)
        self.ready = client.connect()

    def _answer(self, message: Message) -> Deferred[Sent] | None:
        if message.kind != "text":
            return None
        return self._client.send(message.from_, message.text, cid=message.mid.replace("/", ":"))


def test_every_text_is_answered_once(seed: int) -> None:
    network = Network(seed)
    alpha = network.realm("alpha", users=["echo", "messi"])
    network.wait(alpha.start())
    bot = EchoBot(network.client("echo", "alpha"))
    messi = network.client("messi", "alpha")
    answers: list[str] = []
    messi.on_message(lambda message: answers.append(message.text))
    network.wait(messi.connect())
    network.wait(bot.ready)

    chance = network.random("my test")
    for number in range(20):
        messi.send("echo", f"text {number}")
        network.run(chance.uniform(0, 3))
        match chance.choice(("crash", "partition", "nothing")):
            case "crash":
                alpha.crash()
                network.run(chance.uniform(0, 10))
                network.wait(alpha.start())
            case "partition":
                network.partition("alpha", "echo@alpha", one_way=True)
                network.run(chance.uniform(0, 100))
                network.heal()

    network.until(lambda: len(answers) >= 20, within=300)
    network.run(60)
    assert answers == [f"text {number}" for number in range(20)], f"seed {seed}: {answers}"


if __name__ == "__main__":
    for each in range(100):
        test_every_text_is_answered_once(each)
    print("every text was answered once, with each of 100 seeds")
