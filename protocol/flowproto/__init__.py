"""The wire contract of Flow: messages, framing and a blocking client. See `PROTOCOL.md`."""
