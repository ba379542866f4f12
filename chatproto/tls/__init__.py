"""TLS: certificates of listeners, and whom a client trusts.

:mod:`~chatproto.tls.certificates` reads and judges a key and its certificate, :mod:`~chatproto.tls.making`
makes a self-signed one, :mod:`~chatproto.tls.serving` serves with them and takes renewed ones up, and
:mod:`~chatproto.tls.connecting` is the client's side. Nothing here knows what is said over a connection.
"""
