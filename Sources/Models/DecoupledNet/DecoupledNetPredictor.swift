// Inference as the authors run it (paper section 4.2; docs/reference.md section 4;
// D:inference/DecoupledNet_inference.m): label scores, then the deconvolution network for all present labels together,
// whose background is map 0, and for each label alone, whose foreground is its map.
//
// The authors run each of these as a whole pass. Here the features are computed once and only the decoder is repeated,
// and where an image has one label the two decoder passes are the same and run once.
import Compute
import Kernels
import Layers

/// One pass of the decoder: an image of the batch and the seeds of its chosen labels.
package struct LabelQuery: Sendable, Equatable {
  package let image: Int
  /// [L]: sigmoid(score) of a chosen label, 0 of all others.
  package let seeds: [Float]

  package init(image: Int, seeds: [Float]) {
    self.image = image
    self.seeds = seeds
  }
}

package final class DecoupledNetPredictor: Predictor {
  package let images: Int
  private let shape: NetworkShape
  private let context: ExecutionContext
  private let labels: DecoupledNetLabelPredictor
  private let decoder: LayerStack
  private let softmax: PixelBinaryLoss
  /// The decoder's inputs: for each query a copy of its image's.
  private let pool5: FeatureMaps
  private let poolingIndices: [(copy: PoolingIndices, source: PoolingIndices)]
  /// (N, 2, S, S): the softmax of the last `decode`, query by query; plane 0 background, plane 1 foreground.
  package let probabilities: AlignedMemory

  package init(_ net: DecoupledNet, images: Int, context: ExecutionContext) {
    let group = net.segmentation
    self.images = images
    self.context = context
    shape = net.shape
    labels = DecoupledNetLabelPredictor(net, images: images, context: context)
    let classifier = labels.classifier
    let maps = classifier.pool5
    pool5 = FeatureMaps(images: images, channels: maps.channels, height: maps.height, width: maps.width)
    let copies = classifier.poolingIndices.mapValues { (copy: PoolingIndices(count: $0.count), source: $0) }
    poolingIndices = Array(copies.values)
    decoder = LayerStack(
      group.layers, images: images, purpose: .inference,
      inputs: [.maps(pool5), .maps(classifier.saliency.output)], parameters: group.parameters,
      statistics: group.statistics, poolingIndices: copies.mapValues(\.copy), context: context)
    softmax = PixelBinaryLoss(
      "segmentation.softmax", decoder.output.planes, images: images, size: shape.inputSize, context: context)
    probabilities = AlignedMemory(floats: images * 2 * shape.inputSize * shape.inputSize)
    decoder.prepare()
  }

  package func predict(_ planes: UnsafePointer<Float>, count: Int) -> [Prediction] {
    let scores = scores(planes)
    let (area, classes) = (shape.inputSize * shape.inputSize, shape.classes)
    let present = (0..<count).map { image in
      (0..<classes).filter { scores[image * classes + $0] > labelThreshold }
    }
    let batch = DecoderBatch(present: present, scores: scores, classes: classes)
    var probabilities: [[Float]] = []
    for first in stride(from: 0, to: batch.queries.count, by: images) {
      let part = Array(batch.queries[first..<min(first + images, batch.queries.count)])
      decode(part)
      let both = self.probabilities.pointer
      probabilities += part.indices.map {
        Array(UnsafeBufferPointer(start: both + 2 * $0 * area, count: 2 * area))
      }
    }
    return (0..<count).map { image in
      Prediction(
        labelScores: Array(scores[image * classes..<(image + 1) * classes]), present: present[image].map { $0 + 1 },
        maps: batch.maps[image].map { Array(probabilities[$0.query][$0.plane * area..<($0.plane + 1) * area]) })
    }
  }

  /// Decodes background and foreground of each image's label. With one label both have the same seeds; the authors'
  /// procedure, and with several labels every procedure, runs both.
  package func measure(_ planes: UnsafePointer<Float>, labels: UnsafePointer<Float>) {
    let (scores, classes) = (scores(planes), shape.classes)
    let queries = (0..<images).map { image in
      LabelQuery(
        image: image, seeds: (image * classes..<(image + 1) * classes).map { scores[$0] * labels[$0] })
    }
    for _ in 0..<2 { decode(queries) }
  }

  /// Runs the classification network; returns sigmoid(average score) of every image and class, [N][L].
  package func scores(_ planes: UnsafePointer<Float>) -> [Float] { labels.scores(planes) }

  /// Decodes 1 to N queries on images of the last `scores` into `probabilities`.
  package func decode(_ queries: [LabelQuery]) {
    labels.computeSaliency(queries)
    gather(queries.map(\.image))
    decoder.forward(ForwardPass())
    softmax.probabilities(into: probabilities)
  }

  /// Copies each query's image's features to the query's place.
  private func gather(_ owners: [Int]) {
    context.stage("segmentation.gather", .reordering, .forward)
    let source = labels.classifier.pool5
    context.run(owners.count) { place in
      let owner = owners[place]
      let floats = pool5.count / images
      (pool5.data + place * floats).update(from: source.data + owner * floats, count: floats)
      for indices in poolingIndices {
        let bytes = indices.copy.count / images
        (indices.copy.pointer + place * bytes).update(from: indices.source.pointer + owner * bytes, count: bytes)
      }
    }
  }
}

/// The decoder passes that a batch of images needs, and the planes of their results that are each image's maps.
package struct DecoderBatch {
  /// All present labels of an image together, and each alone; a query that is there already is not repeated.
  package private(set) var queries: [LabelQuery] = []
  /// For each image the background's map, then one for each present label; empty where no label is present.
  package private(set) var maps: [[(query: Int, plane: Int)]] = []

  /// - Parameters:
  ///   - present: for each image its labels, counted from 0.
  ///   - scores: [N][classes]
  package init(present: [[Int]], scores: [Float], classes: Int) {
    for (image, labels) in present.enumerated() {
      guard !labels.isEmpty else {
        maps.append([])
        continue
      }
      let own = queries.count
      for chosen in [labels] + (labels.count > 1 ? labels.map { [$0] } : []) {
        var seeds = [Float](repeating: 0, count: classes)
        for label in chosen { seeds[label] = scores[image * classes + label] }
        queries.append(LabelQuery(image: image, seeds: seeds))
      }
      maps.append([(own, 0)] + labels.indices.map { (labels.count > 1 ? own + 1 + $0 : own, 1) })
    }
  }
}
