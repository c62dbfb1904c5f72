"""The receiver that Alertmanager posts to: guarded, verified, reverted, written down."""
