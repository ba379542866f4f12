"""A web site with a chat in it: one program, one reactor, one way to end. The site tells who is in the chat.

python examples/embedded_realm.py 8080 8889 alpha.db
"""

import sys

from twisted.internet.endpoints import serverFromString
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from chatproto.configuration import Settings, configure
from chatproto.service import RealmService, realm_service


class Present(Resource):
    isLeaf = True

    def __init__(self, service: RealmService) -> None:
        super().__init__()
        self.service = service

    def render_GET(self, request: Request) -> bytes:
        realm = self.service.realm
        users = realm.present.accounts() if realm is not None else []
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return f"in the chat: {', '.join(users) or 'nobody'}\n".encode()


async def main(reactor: PosixReactorBase, web: str, chat: str, file: str) -> None:
    settings = Settings(
        realm="alpha",
        store=f"sqlite:///{file}",
        listen={"client": f"tcp:{chat}:interface=127.0.0.1"},
    )
    service = realm_service(reactor, configure(settings))
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    service.startService()
    for where in await service.when_started():
        print("chat", where.port, flush=True)
    site = await serverFromString(reactor, f"tcp:{web}:interface=127.0.0.1").listen(Site(Present(service)))
    print("web", site.getHost().port, flush=True)
    await service.when_finished()


if __name__ == "__main__":
    react(main, sys.argv[1:])
