// The protocol of inference, and its result.
import Compute

/// The prediction for one image.
package struct Prediction: Sendable {
  /// The score of each object class, 0...1; element c - 1 belongs to class c.
  package let labelScores: [Float]
  /// The object classes that are present, in ascending order, counted from 1.
  package let present: [Int]
  /// Probability maps (S, S), row by row: the background's, then one for each present class. Empty where no class is
  /// present: the image is all background.
  package let maps: [[Float]]

  package init(labelScores: [Float], present: [Int], maps: [[Float]]) {
    self.labelScores = labelScores
    self.present = present
    self.maps = maps
  }
}

/// Inference for some images at a time.
package protocol Predictor: AnyObject {
  var images: Int { get }
  /// Predicts the first `count` of the images.
  /// - Parameter planes: (N, 3, S, S), B, G, R with the mean subtracted.
  func predict(_ planes: UnsafePointer<Float>, count: Int) -> [Prediction]
  /// Runs the network as for one present label an image, whatever it scores: a fixed amount of work, for benchmarks.
  /// - Parameter labels: [N][L], 1 for the label of each image.
  func measure(_ planes: UnsafePointer<Float>, labels: UnsafePointer<Float>)
}
