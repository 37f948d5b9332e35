"""What the tests of the gateway share: starting one, readers of HTTP, a server that records."""
