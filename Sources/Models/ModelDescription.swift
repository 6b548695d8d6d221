// The text in a weights file's metadata that identifies the network of the weights.
import Support

/// The name of a model and its shape.
package struct ModelDescription: Sendable, Equatable {
  package let model: String
  package let shape: NetworkShape

  package init(model: String, shape: NetworkShape) {
    self.model = model
    self.shape = shape
  }

  /// One line of JSON with sorted keys.
  package var text: String {
    let fields = Fields(
      model: model, width: shape.width, inputSize: shape.inputSize, classes: shape.classes,
      batchNormalization: shape.batchNormalization)
    guard let data = try? JSONText.encode(fields, .line) else {
      preconditionFailure("a description is always encodable")
    }
    return String(decoding: data.dropLast(), as: UTF8.self)
  }

  /// The network that `text` describes; nil where it describes none that dnet can have. Versions before 0.2 wrote no
  /// model name, since there was one model, and other key casing.
  package init?(text: String) {
    guard let fields = try? JSONText.decode(Fields.self, from: text.utf8),
      fields.width > 0, fields.width <= 4, fields.inputSize >= 32, fields.inputSize % 32 == 0,
      fields.inputSize <= 2048, (1...254).contains(fields.classes)
    else { return nil }
    model = fields.model ?? DecoupledNet.name
    shape = NetworkShape(
      width: fields.width, inputSize: fields.inputSize, classes: fields.classes,
      batchNormalization: fields.batchNormalization)
  }

  private struct Fields: Codable {
    var model: String?
    var width: Double
    var inputSize: Int
    var classes: Int
    var batchNormalization: Bool
  }
}
