// A stage: one layer's pass of one kind of work. Layers announce each stage; the stopwatch, the trace and the watchdog
// report in these terms.

/// The direction of a stage.
package enum Pass: String, Sendable, CaseIterable {
  case forward
  /// The backward pass of work without weights, or one sweep that computes both gradients.
  case backward
  case dataGradient = "data gradient"
  case weightGradient = "weight gradient"
}

/// The kind of work that a stage does.
package enum StageKind: String, Sendable, CaseIterable, Encodable {
  /// Layers with weights: 3x3 convolutions, the products over pool5, the score layers.
  case convolution = "convolutions and products"
  case normalization = "batch normalization"
  case pooling = "pooling and unpooling"
  case rectification = "ReLU and bias gradients"
  case reordering = "im2col, layout changes, factors"
  case other = "loss, dropout and other"
}

/// One layer's pass.
package struct Stage: Hashable, Sendable {
  /// The layer's name, with a suffix where the layer has several stages: `classification.fc6`,
  /// `classification.fc6.bias`.
  package let layer: String
  package let kind: StageKind
  package let pass: Pass

  package init(_ layer: String, _ kind: StageKind, _ pass: Pass) {
    self.layer = layer
    self.kind = kind
    self.pass = pass
  }
}
