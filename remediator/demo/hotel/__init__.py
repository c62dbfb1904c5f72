"""A stand-in for agente-hotel-api: a booking agent in front of a PMS, with a circuit breaker."""
