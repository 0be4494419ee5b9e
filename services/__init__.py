"""The five services. None imports another; they meet in the topics of `shared.topics` only."""
