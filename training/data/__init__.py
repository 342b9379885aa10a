"""What the model learns from: texts, voices, rooms and people, as an endless stream of examples or as shards."""
