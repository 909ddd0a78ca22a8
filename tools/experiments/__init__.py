"""What the notebooks say of one training, as functions of a seed: see tools/seeds.py."""
