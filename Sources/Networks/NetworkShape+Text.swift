// A network's shape as the text that travels with its weights, in the metadata of a weights file.
import Foundation

extension NetworkShape {
  /// One line of JSON with sorted keys.
  package var text: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    guard let data = try? encoder.encode(self) else { preconditionFailure("a shape is always encodable") }
    return String(decoding: data, as: UTF8.self)
  }

  /// The shape that `text` describes; nil where it describes none that a network can have.
  package init?(text: String) {
    guard let shape = try? JSONDecoder().decode(NetworkShape.self, from: Data(text.utf8)),
      shape.width > 0, shape.width <= 4, shape.inputSize >= 32, shape.inputSize % 32 == 0, shape.inputSize <= 2048,
      (1...254).contains(shape.classes)
    else { return nil }
    self = shape
  }
}
