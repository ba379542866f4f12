"""The version of chatproto; read by the build as well, so it stands alone."""

VERSION = "0.1.0"
