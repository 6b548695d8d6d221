// dnet-train, the trainer.
import TrainCommand

Train.start()
