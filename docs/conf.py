"""How Sphinx makes the site: ``make docs``. It needs no network and reads the docstrings of the source."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent)]

from chatproto.version import VERSION  # noqa: E402 - from the source beside this file

project = "chatproto"
author = "The chatproto developers"
version = release = VERSION

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary"]
extensions += ["aliases", "declared", "interfaces", "signatures", "slashes"]  # in docs/extensions
exclude_patterns = ["_build"]
highlight_language = "none"  # a literal block is a conversation or a diagram unless it says otherwise
default_role = "code"
nitpicky = True
# What other libraries define: their documents are elsewhere, and the site is built without the network.
nitpick_ignore_regex = [
    ("py:.*", r"(twisted|zope|msgspec|sqlalchemy|collections|contextlib|typing|pathlib|enum|random)\b.*"),
    ("py:exc", "CannotListenError"),
    ("py:class", r"chatproto\..*\.[RT]"),  # type variables
    # What is passed on without being looked into.
    ("py:class", r"chatproto\.(realm\.times\.Clock|listeners\.Listener|store\.tables\.MemoryTables)"),
    ("py:class", r"chatproto\.(frames|federation|errors\.linking|protocols\.peer_factory)\..*"),
    ("py:class", r"chatproto\.testing\.(paths|transports|machines)\..*"),
]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"chatproto {VERSION}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "native"
