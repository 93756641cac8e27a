"""The server of `dtviz explore`: for oneself, or for a group, within limits known beforehand."""
