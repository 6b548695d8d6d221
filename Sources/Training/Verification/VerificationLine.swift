// One line of RUN/verification.jsonl.

/// A line of RUN/verification.jsonl.
package struct VerificationLine: Codable, Equatable, Sendable {
  package var phase: String
  /// The number of iterations of the phase that are done, including this one.
  package var iteration: Int
  /// The loss of each shard.
  package var losses: [Double]
  /// The rank and the host of each shard.
  package var hosts: [String]
  /// The SHA-256 of the parameters after the iteration. This field and the next two are present every `verify.every`
  /// iterations.
  package var weightsDigest: String?
  /// The SHA-256 of the previous chained digest, the configuration, the minibatch's examples and the weights' digest.
  package var digest: String?
  /// The checksums of the gradients, layer by layer in the order of the backward pass.
  package var gradients: [LayerChecksums]?

  package struct LayerChecksums: Codable, Equatable, Sendable {
    package var layer: String
    /// 64 bits in hexadecimal for each shard.
    package var words: [String]
  }
}
