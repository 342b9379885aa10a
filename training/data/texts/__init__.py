"""What is said: skills, talk, facts, sentences to write down, questions about the sound and about the voice."""
