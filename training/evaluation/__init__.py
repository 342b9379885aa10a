"""How good a served model is: what it is asked, what it says, and the scores of that."""
