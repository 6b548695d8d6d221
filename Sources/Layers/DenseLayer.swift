// The matrix products of fully convolutional layers: products of rows with a layer's weights, and all their gradients.
//
//   M rows: one for each image and position of the map      C inputs and K outputs of a row
//
// A k x k convolution without padding is a product over unfolded rows (C = channels * k * k, ordered channel, y, x, so
// that the plain weights out x in x k x k are the K x C matrix as they stand). A transposed one is the product with the
// in x (out * k * k) matrix, whose rows are then folded.
import Compute
import Kernels

package final class DenseLayer {
  let rows: Int
  let inputs: Int
  let outputs: Int
  private let name: String
  private let layout: WeightLayout
  private let context: ExecutionContext
  private let parameters: ParameterVector
  private let own: LayerParameters
  /// The weights are trained, so the layer waits for them and announces their gradients.
  private let isTrained: Bool
  private let weight: Int
  private let bias: Int
  private let forwardProduct: DenseProduct
  private let dataProduct: DenseProduct
  /// The product of a stored gradient; nil where the gradient is left as its factors.
  private let weightProduct: MatrixProduct?
  private let rowBias: RowBias

  /// - Parameters:
  ///   - layout: weights K x C (y = x W^T + b) of a convolution, or C x K (y = x W) of a transposed one, whose bias
  ///     belongs to the folded maps and not to the rows.
  ///   - rows: M
  package init(
    _ name: String, layout: WeightLayout, rows: Int, inputs: Int, outputs: Int, parameters: ParameterVector,
    isTrained: Bool, context: ExecutionContext
  ) {
    self.name = name
    self.rows = rows
    self.inputs = inputs
    self.outputs = outputs
    self.layout = layout
    self.parameters = parameters
    self.isTrained = isTrained
    self.context = context
    own = parameters.table.layer(name)
    weight = parameters.table.offset(of: "\(name).weight")
    bias = parameters.table.offset(of: "\(name).bias")
    let direct = layout == .convolution
    forwardProduct = DenseProduct(rows: rows, columns: outputs, inner: inputs, transposed: direct)
    dataProduct = DenseProduct(rows: rows, columns: inputs, inner: outputs, transposed: !direct)
    context.reserve(floats: max(forwardProduct.packedFloats, dataProduct.packedFloats))
    let parameter = parameters.table.parameters[parameters.table.index(of: "\(name).weight")!]
    weightProduct =
      parameter.gradient == .factored
      ? nil
      : MatrixProduct(
        rows: direct ? outputs : inputs, columns: direct ? inputs : outputs, inner: rows, leftTransposed: true,
        rightTransposed: false)
    rowBias = RowBias(rows: rows, columns: outputs)
  }

  package var biasValues: UnsafePointer<Float> { UnsafePointer(parameters.pointer + bias) }
  package var weightValues: UnsafePointer<Float> { UnsafePointer(parameters.pointer + weight) }

  /// The product alone: [M][C] to [M][K].
  package func multiply(_ x: AlignedMemory, into y: AlignedMemory) {
    if isTrained { context.need(own) }
    context.stage(name, .convolution, .forward)
    multiply(x, forwardProduct, into: y)
  }

  private func multiply(_ x: AlignedMemory, _ product: DenseProduct, into y: AlignedMemory) {
    let packed = context.workspace
    context.run(product.packingTasks) { product.pack(x.pointer, into: packed, task: $0) }
    context.run(product.tasks, scratch: product.scratchFloats) { task, scratch in
      product.multiply(packed, parameters.pointer + weight, into: y.pointer, task: task, scratch: scratch)
    }
  }

  /// The product, the bias and, if `rectified` is true, ReLU.
  package func forward(_ x: AlignedMemory, into y: AlignedMemory, rectified: Bool) {
    multiply(x, into: y)
    context.stage("\(name).bias", .rectification, .forward)
    context.run(rowBias.tasks) { rowBias.add(parameters.pointer + bias, rectified: rectified, to: y.pointer, task: $0) }
  }

  /// dx = dy times the weights: the data gradient, and a step of the saliency pass.
  /// - Parameter count: the number of rows, where only the first ones are needed.
  package func multiplyBack(_ dy: AlignedMemory, into dx: AlignedMemory, rows count: Int? = nil) {
    context.stage(name, .convolution, .dataGradient)
    multiply(dy, count.map(dataProduct.withRows) ?? dataProduct, into: dx)
  }

  /// Sets dy to 0 where the rectified output y was not above 0.
  package func rectifyGradient(_ dy: AlignedMemory, output y: AlignedMemory) {
    context.stage("\(name).relu", .rectification, .backward)
    context.run(rowBias.tasks) { rowBias.rectifyGradient(dy.pointer, output: y.pointer, task: $0) }
  }

  /// The same for chosen rows: row r of dy belongs to row `rows[r]` of y.
  package func rectifyGradient(_ dy: AlignedMemory, output y: AlignedMemory, rows: [Int]) {
    context.stage("\(name).relu", .rectification, .backward)
    context.run(rows.count) { row in
      rowBias.rectifyGradient(dy.pointer + row * outputs, output: y.pointer + rows[row] * outputs, task: 0)
    }
  }

  /// The gradient of the weights, summed over all rows in one product or left as the product's factors. The layer's
  /// other gradients have been written before.
  ///
  /// - Parameter maps: the maps that the unfolded one of the two was made from, x of a convolution and dy of a
  ///   transposed one; nil where the rows are not unfolded.
  package func weightGradient(
    _ x: AlignedMemory, _ dy: AlignedMemory, maps: FeatureMaps? = nil, into gradient: ShardGradient
  ) {
    let (left, right) = layout == .convolution ? (dy, x) : (x, dy)
    if let weightProduct {
      context.stage(name, .convolution, .weightGradient)
      context.run(weightProduct.tasks) {
        weightProduct.multiply(left.pointer, right.pointer, into: gradient.stored + weight, task: $0)
      }
    } else {
      guard let factors = gradient.factors else { preconditionFailure("there is no place for the factors of \(name)") }
      context.stage("\(name).factors", .reordering, .weightGradient)
      factors.store(
        "\(name).weight", left: left.pointer, right: right.pointer, compact: maps.map { UnsafePointer($0.data) },
        shard: gradient.shard, context.workers)
    }
    context.gradientIsComplete(of: own)
  }

  /// The gradient of a bias that is added to rows.
  package func biasGradient(_ dy: AlignedMemory, into parameterGradient: UnsafeMutablePointer<Float>) {
    context.stage("\(name).bias", .rectification, .backward)
    context.run(rowBias.sumTasks) { rowBias.sum(dy.pointer, into: parameterGradient + bias, task: $0) }
  }

  /// Zeros the gradient of a bias whose effect batch normalization removes.
  func zeroBiasGradient(count: Int, in parameterGradient: UnsafeMutablePointer<Float>) {
    (parameterGradient + bias).update(repeating: 0, count: count)
  }
}
