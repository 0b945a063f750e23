"""Runs the rules of the batch on the few people who something happened to: nobody else."""
