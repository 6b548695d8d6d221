// dnet, all commands except training.
import DnetCommand

Dnet.start()
