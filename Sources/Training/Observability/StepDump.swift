// `--record-steps N`: what the network saw and did in the first N iterations of each phase, so that any other framework
// can repeat the step. Files: steps/PHASE-000000.safetensors before the first, then one an iteration (docs/formats.md).
import Batches
import Checkpoints
import Cluster
import Foundation
import Models
import Compute

final class StepDump {
  private let directory: String
  private let iterations: Int
  private let phase: PhaseSpec
  private let model: any Model
  private let communicator: Communicator
  /// This rank's shards of the iteration, one after another: planes, labels, masks.
  private var planes: [Float] = []
  private var labels: [Float] = []
  private var masks: [UInt8] = []

  init(_ run: RunDirectory, iterations: Int, phase: PhaseSpec, model: any Model, communicator: Communicator) throws {
    directory = run.file("steps")
    self.iterations = iterations
    self.phase = phase
    self.model = model
    self.communicator = communicator
    if iterations > 0, communicator.rank == 0 {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }
  }

  func wants(_ iteration: Int) -> Bool { iteration < iterations }

  /// The parameters before the phase's first iteration.
  func recordStart() throws {
    guard iterations > 0, communicator.rank == 0 else { return }
    try write(number: 0, inputs: [])
  }

  func add(_ batch: ShardBatch) {
    planes += batch.planes.buffer
    labels += batch.labels.buffer
    if phase.examples.usesMasks { masks += UnsafeBufferPointer(start: batch.masks, count: batch.maskCount) }
  }

  /// Collective: rank 0 gathers the shards in their order and writes the file.
  func finish(iteration: Int, loss: Double) throws {
    defer { (planes, labels, masks) = ([], [], []) }
    let allPlanes = try communicator.gather(planes.withUnsafeBytes { Array($0) })
    let allLabels = try communicator.gather(labels.withUnsafeBytes { Array($0) })
    let allMasks = try communicator.gather(masks)
    guard let allPlanes, let allLabels, let allMasks else { return }
    let size = model.shape.inputSize
    let examples = allPlanes.reduce(0) { $0 + $1.count } / (4 * 3 * size * size)
    var inputs = [
      Input("images", [examples, 3, size, size], .float32, allPlanes.flatMap { $0 }),
      Input("labels", [examples, model.shape.classes], .float32, allLabels.flatMap { $0 }),
      Input("loss", [1], .float32, withUnsafeBytes(of: Float(loss)) { Array($0) }),
    ]
    if phase.examples.usesMasks {
      inputs.append(Input("masks", [examples, size, size], .uint8, allMasks.flatMap { $0 }))
    }
    try write(number: iteration + 1, inputs: inputs)
  }

  /// A tensor that exists only for the record.
  private struct Input {
    let name: String
    let shape: [Int]
    let element: ElementType
    let bytes: [UInt8]

    init(_ name: String, _ shape: [Int], _ element: ElementType, _ bytes: [UInt8]) {
      (self.name, self.shape, self.element, self.bytes) = (name, shape, element, bytes)
    }
  }

  private func write(number: Int, inputs: [Input]) throws {
    let path = "\(directory)/\(phase.name)-\(String(format: "%06d", number)).safetensors"
    let parameters = model.namedTensors.map(TensorToWrite.init)
    func write(_ inputs: ArraySlice<Input>, _ tensors: [TensorToWrite]) throws {
      guard let input = inputs.first else {
        try WeightsFile.write(tensors + parameters, to: URL(fileURLWithPath: path))
        return
      }
      try input.bytes.withUnsafeBytes {
        try write(
          inputs.dropFirst(),
          tensors + [TensorToWrite(name: input.name, element: input.element, shape: input.shape, bytes: $0)])
      }
    }
    try write(inputs[...], [])
  }
}
