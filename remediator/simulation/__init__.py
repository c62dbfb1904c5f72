"""The engine in virtual time: everything real but the edges, which a script answers for."""
