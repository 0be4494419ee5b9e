"""The kill test: what DESIGN §3 promises, while consumers, Kafka and MongoDB are killed.

`story` makes the commands · `world` runs and kills the processes · `driver` sends and waits · `evidence` reads what
is left · `verdict` compares it with what the log says must be · `sabotage` breaks the loop on purpose.
"""
