// The layers over pool5 as matrix products: fc6, fc7 and score, their relatives in the bridging layers, fc6_deconv.
//
//   M rows: one for each image and position of the map      C inputs, K outputs of a row
//
// A k x k convolution without padding is a product over unfolded rows (C = channels * k * k, ordered channel, y, x, so
// that the plain weights out x in x k x k are the K x C matrix as they stand). A transposed one is the product with the
// in x (out * k * k) matrix, whose rows are then folded.
import Compute
import Kernels

package final class DenseLayer {
  package enum Kind: Sendable {
    /// Weights K x C: y = x W^T + b.
    case convolution
    /// Weights C x K: y = x W. The bias belongs to the folded maps, not to the rows.
    case transposed
  }

  let name: String
  let rows: Int
  let inputs: Int
  let outputs: Int
  private let kind: Kind
  private let context: ExecutionContext
  private let parameters: ParameterVector
  private let weight: Int
  private let bias: Int
  private let forwardProduct: DenseProduct
  private let dataProduct: DenseProduct
  /// For a gradient that is stored; nil where it is left as its factors.
  private let weightProduct: MatrixProduct?
  private let rowBias: RowBias

  package init(
    _ name: String, kind: Kind = .convolution, rows: Int, inputs: Int, outputs: Int, parameters: ParameterVector,
    context: ExecutionContext
  ) {
    self.name = name
    self.kind = kind
    self.rows = rows
    self.inputs = inputs
    self.outputs = outputs
    self.parameters = parameters
    self.context = context
    weight = parameters.table.offset(of: "\(name).weight")
    bias = parameters.table.offset(of: "\(name).bias")
    let direct = kind == .convolution
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

  /// The product alone: [M][C] to [M][K].
  package func multiply(_ x: AlignedMemory, into y: AlignedMemory) {
    context.need(name)
    context.stage(name, .forward)
    multiply(x, forwardProduct, into: y)
  }

  private func multiply(_ x: AlignedMemory, _ product: DenseProduct, into y: AlignedMemory) {
    let packed = context.workspace
    context.run(product.packingTasks) { product.pack(x.pointer, into: packed, task: $0) }
    context.run(product.tasks, scratch: product.scratchFloats) { task, scratch in
      product.multiply(packed, parameters.pointer + weight, into: y.pointer, task: task, scratch: scratch)
    }
  }

  /// Product, bias and, if wanted, ReLU.
  package func forward(_ x: AlignedMemory, into y: AlignedMemory, rectified: Bool) {
    multiply(x, into: y)
    context.stage("\(name).bias", .forward)
    context.run(rowBias.tasks) { rowBias.add(parameters.pointer + bias, rectified: rectified, to: y.pointer, task: $0) }
  }

  /// dx = dy times the weights: the data gradient, and a step of the saliency pass.
  /// - Parameter count: of rows, where only the first ones are wanted.
  package func multiplyBack(_ dy: AlignedMemory, into dx: AlignedMemory, rows count: Int? = nil) {
    context.stage(name, .dataGradient)
    multiply(dy, count.map(dataProduct.withRows) ?? dataProduct, into: dx)
  }

  /// dy = 0 where the rectified output y was not above 0.
  package func rectifyGradient(_ dy: AlignedMemory, output y: AlignedMemory) {
    context.stage("\(name).relu", .backward)
    context.run(rowBias.tasks) { rowBias.rectifyGradient(dy.pointer, output: y.pointer, task: $0) }
  }

  /// The same for chosen rows: row r of dy belongs to row `rows[r]` of y.
  package func rectifyGradient(_ dy: AlignedMemory, output y: AlignedMemory, rows: [Int]) {
    context.stage("\(name).relu", .backward)
    context.run(rows.count) { row in
      rowBias.rectifyGradient(dy.pointer + row * outputs, output: y.pointer + rows[row] * outputs, task: 0)
    }
  }

  /// The gradient of the weights: summed over all rows in one product, or left as the product's factors.
  ///
  /// The layer's other gradients have been written before.
  /// - Parameter maps: what the unfolded one of the two was made from, x of a convolution and dy of a transposed one; nil
  ///   where the rows are not unfolded.
  package func weightGradient(
    _ x: AlignedMemory, _ dy: AlignedMemory, maps: FeatureMaps? = nil, into gradient: ShardGradient
  ) {
    let (left, right) = kind == .convolution ? (dy, x) : (x, dy)
    if let weightProduct {
      context.stage(name, .weightGradient)
      context.run(weightProduct.tasks) {
        weightProduct.multiply(left.pointer, right.pointer, into: gradient.stored + weight, task: $0)
      }
    } else {
      guard let factors = gradient.factors else { preconditionFailure("there is no place for the factors of \(name)") }
      context.stage("\(name).factors", .weightGradient)
      factors.store(
        "\(name).weight", left: left.pointer, right: right.pointer, compact: maps.map { UnsafePointer($0.data) },
        shard: gradient.shard, context.workers)
    }
    context.gradientIsComplete(of: name)
  }

  /// The gradient of a bias on rows.
  package func biasGradient(_ dy: AlignedMemory, into parameterGradient: UnsafeMutablePointer<Float>) {
    context.stage("\(name).bias", .backward)
    context.run(rowBias.sumTasks) { rowBias.sum(dy.pointer, into: parameterGradient + bias, task: $0) }
  }

  /// Zero: for a bias that batch normalisation takes away again.
  func zeroBiasGradient(count: Int, in parameterGradient: UnsafeMutablePointer<Float>) {
    (parameterGradient + bias).update(repeating: 0, count: count)
  }

  var biasValues: UnsafePointer<Float> { UnsafePointer(parameters.pointer + bias) }
}
