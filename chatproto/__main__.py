"""``python -m chatproto``: the ``chatproto`` command where no script is installed."""

from chatproto.cli import main

if __name__ == "__main__":
    main()
