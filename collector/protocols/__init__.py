"""One module a protocol: how bytes are asked for and which answers count."""
