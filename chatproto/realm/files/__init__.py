"""Files: brought by clients and other realms, and given to those who may have them."""

from chatproto.realm.files.files import Files

__all__ = ["Files"]
