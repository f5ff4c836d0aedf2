"""The proxy: passes real traffic on, and judges it both ways with the contract's verdicts."""
