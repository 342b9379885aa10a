"""The decoder network as compiled code for the CPU, through numba. Loaded only where a decoder uses it."""
