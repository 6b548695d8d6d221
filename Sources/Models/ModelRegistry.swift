// The models that `network.model` can name.
import Synchronization

/// A list of models with distinct names. The program's own list is reached by the static members.
package struct ModelRegistry: Sendable {
  /// The first model is the default of `network.model`.
  package private(set) var models: [any Model.Type]

  package init(_ models: [any Model.Type]) { self.models = models }

  package mutating func add(_ model: any Model.Type) {
    precondition(self[model.name] == nil, "a model called \(model.name) is registered already")
    models.append(model)
  }

  /// The model of that name; nil where there is none.
  package subscript(name: String) -> (any Model.Type)? { models.first { $0.name == name } }

  // MARK: The program's models

  private static let shared = Mutex(ModelRegistry([DecoupledNet.self]))

  /// Adds a model, as a program that is built on dnet does before it reads a configuration.
  package static func register(_ model: any Model.Type) { shared.withLock { $0.add(model) } }

  package static var all: [any Model.Type] { shared.withLock { $0.models } }
  package static var names: [String] { all.map { $0.name } }
  package static func model(named name: String) -> (any Model.Type)? { shared.withLock { $0[name] } }
}
