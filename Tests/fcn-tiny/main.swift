// dnet-train and dnet with a second model, `network.model: fcn-tiny`: `fcn-tiny dnet ...` is dnet, and `fcn-tiny ...`
// is dnet-train.
import DnetCommand
import Models
import TrainCommand

ModelRegistry.register(FCNTiny.self)
let arguments = Array(CommandLine.arguments.dropFirst())
if arguments.first == "dnet" { Dnet.start(Array(arguments.dropFirst())) } else { Train.start() }
