"""What the integration tests share: a private stack, raw HTTP, the oracle, Kafka's tools."""
