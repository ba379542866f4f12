"""System A's private client: messages to one user. Only a socket and a thread are used.

python examples/older/private_client.py --port 8001 --username messi --password surabaya
    [--to USER --message TEXT]

With both of the last it sends once and stays to listen. Otherwise it has a prompt: /send, /help, /quit.
"""

from system_a import Connection, options, prompt, run


def main() -> None:
    parser = options("Pesan pribadi")
    parser.add_argument("--to")
    parser.add_argument("--message")
    said = parser.parse_args()
    connection = Connection(said.host, said.port, said.username, said.password)

    def send(to: str, message: str) -> None:
        members = {"tipe": "kirim", "from": said.username, "to": to, "message": message}
        print(connection.ask(**members) or f"Pesan dikirim ke {to}: {message}", flush=True)

    if said.to and said.message:
        send(said.to, said.message)
        connection.stay()
    else:
        prompt({"/send": (send, "/send <to> <message>")})
    connection.close()


if __name__ == "__main__":
    run(main)
