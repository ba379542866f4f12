"""System A's group client. Only a socket and a thread are used.

python examples/older/group_client.py --port 8001 --username messi --password surabaya
    [--create GROUP] [--join GROUP] [--message TEXT]

With a message it sends once and stays to listen. Otherwise it has a prompt: /join, /create, /send, /help
and /quit.
"""

from system_a import Connection, options, prompt, run


class Group:
    """The group that was joined last."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._group = ""

    def join(self, group: str) -> None:
        self._enter("gabung_grup", group, f'Bergabung dengan grup "{group}"')

    def create(self, group: str) -> None:
        self._enter("buat_grup", group, f'Membuat grup baru "{group}"')

    def _enter(self, tipe: str, group: str, done: str) -> None:
        problem = self._connection.ask(tipe=tipe, username=self._connection.username, grup=group)
        if problem is None:
            self._group = group
        print(problem or done, flush=True)

    def send(self, message: str) -> None:
        members = {"from": self._connection.username, "grup": self._group, "message": message}
        problem = self._connection.ask(tipe="kirim_grup", **members)
        print(problem or f"Pesan dikirim ke grup: {message}", flush=True)


def main() -> None:
    parser = options("Pesan grup")
    parser.add_argument("--join")
    parser.add_argument("--create")
    parser.add_argument("--message")
    said = parser.parse_args()
    connection = Connection(said.host, said.port, said.username, said.password)
    group = Group(connection)
    if said.create:
        group.create(said.create)
    if said.join:
        group.join(said.join)
    if said.message:
        group.send(said.message)
        connection.stay()
    else:
        prompt(
            {
                "/join": (group.join, "/join <group>"),
                "/create": (group.create, "/create <group>"),
                "/send": (group.send, "/send <text>"),
            }
        )
    connection.close()


if __name__ == "__main__":
    run(main)
