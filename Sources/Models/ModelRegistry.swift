// The models that `network.model` can name.
import Synchronization

package enum ModelRegistry {
  private static let registered = Mutex<[any Model.Type]>([DecoupledNet.self])

  /// Adds a model, as a program that is built on dnet does before it reads a configuration.
  package static func register(_ model: any Model.Type) {
    registered.withLock { models in
      precondition(!models.contains { $0.name == model.name }, "a model called \(model.name) is registered already")
      models.append(model)
    }
  }

  package static var names: [String] { registered.withLock { $0.map { $0.name } } }

  /// All models. The first is the default.
  package static var all: [any Model.Type] { registered.withLock { $0 } }

  /// The model of that name; nil where there is none.
  package static func model(named name: String) -> (any Model.Type)? {
    registered.withLock { $0.first { $0.name == name } }
  }
}
