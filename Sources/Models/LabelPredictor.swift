// The protocol of inference of image labels alone.

/// Inference of image labels for some images at a time.
package protocol LabelPredictor: AnyObject {
  var images: Int { get }
  /// The score of every image and class, [N][L], 0...1.
  /// - Parameter planes: (N, 3, S, S), B, G, R with the mean subtracted.
  func scores(_ planes: UnsafePointer<Float>) -> [Float]
  /// The importance of each place for a class on an image of the last `scores`: (S/32) x (S/32), at least 0.
  /// - Parameter label: counted from 1.
  func saliency(of label: Int, image: Int) -> [Float]
}
