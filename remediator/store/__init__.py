"""Where records live: the small protocols the engine needs, and SQLite behind them."""
