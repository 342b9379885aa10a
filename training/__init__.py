"""The recipe that makes the model: data, cold start, MGRD, RLVR, preference pairs, evaluation, export."""
