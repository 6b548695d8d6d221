// dnet-train with a second model: `network.model: fcn-tiny`.
import Models
import TrainCommand

ModelRegistry.register(FCNTiny.self)
Train.start()
