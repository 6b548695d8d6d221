// The record of the first N iterations of each phase for `--record-steps N`: inputs, loss and parameters, so that
// another framework can repeat the steps. The file steps/PHASE-000000.safetensors holds the parameters before the first
// iteration, and one more file follows for each iteration (docs/formats.md).
import Batches
import Checkpoints
import Cluster
import Compute
import Foundation
import Models

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

  func includes(_ iteration: Int) -> Bool { iteration < iterations }

  /// Writes the parameters before the phase's first iteration.
  func recordStart() throws {
    guard iterations > 0, communicator.rank == 0 else { return }
    try write(number: 0, inputs: [])
  }

  func add(_ batch: ShardBatch) {
    planes += batch.planes.buffer
    labels += batch.labels.buffer
    if phase.examples.usesMasks { masks += UnsafeBufferPointer(start: batch.masks, count: batch.maskCount) }
  }

  /// Gathers the shards on rank 0 in their order and writes the file. Collective.
  func finish(iteration: Int, loss: Double) throws {
    defer {
      planes = []
      labels = []
      masks = []
    }
    let allPlanes = try communicator.gather(planes.withUnsafeBytes { Array($0) })
    let allLabels = try communicator.gather(labels.withUnsafeBytes { Array($0) })
    let allMasks = try communicator.gather(masks)
    guard let allPlanes, let allLabels, let allMasks else { return }
    let size = model.shape.inputSize
    let examples = allPlanes.reduce(0) { $0 + $1.count } / (4 * 3 * size * size)
    var inputs = [
      Input(name: "images", shape: [examples, 3, size, size], element: .float32, bytes: allPlanes.flatMap { $0 }),
      Input(
        name: "labels", shape: [examples, model.shape.classes], element: .float32, bytes: allLabels.flatMap { $0 }),
      Input(name: "loss", shape: [1], element: .float32, bytes: withUnsafeBytes(of: Float(loss)) { Array($0) }),
    ]
    if phase.examples.usesMasks {
      inputs.append(
        Input(name: "masks", shape: [examples, size, size], element: .uint8, bytes: allMasks.flatMap { $0 }))
    }
    try write(number: iteration + 1, inputs: inputs)
  }

  /// A tensor that is recorded but is no parameter.
  private struct Input {
    let name: String
    let shape: [Int]
    let element: ElementType
    let bytes: [UInt8]
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
