"""Tell twistd of ``twistd chatproto``; nothing else, since every ``twistd`` run imports this file."""

from twisted.application.service import ServiceMaker

chatproto = ServiceMaker("chatproto", "chatproto.tap", "One realm of the chatproto chat server.", "chatproto")
