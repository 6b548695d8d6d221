// Rows to maps and back against plain indexing.
import Kernels
import Testing

@Suite struct BlockedLayoutTests {
  @Test(
    "Rows become maps with bias and rectification, and maps become rows again.",
    arguments: [Shape(n: 1, c: 16, h: 1, w: 1), Shape(n: 3, c: 48, h: 4, w: 5), Shape(n: 2, c: 32, h: 30, w: 20)],
    [false, true])
  func rowsBecomeMaps(_ shape: Shape, rectified: Bool) {
    let layout = BlockedLayout(images: shape.n, channels: shape.c, height: shape.h, width: shape.w)
    var draws = Draws(12)
    let rows = draws.floats(shape.count)
    let bias = draws.floats(shape.c)
    var maps = nans(shape.count)
    inOddOrder(layout.tasks) { layout.toMaps(rows, bias: bias, rectified: rectified, into: &maps, task: $0) }
    let truth = NaiveMaps(images: shape.n, channels: shape.c, height: shape.h, width: shape.w).like { n, c, y, x in
      let value = rows[((n * shape.h + y) * shape.w + x) * shape.c + c] + bias[c]
      return Double(rectified ? max(value, 0) : value)
    }
    #expect(identical(maps, truth.blocked))

    inOddOrder(layout.tasks) { layout.toMaps(rows, bias: nil, rectified: false, into: &maps, task: $0) }
    var back = nans(shape.count)
    inOddOrder(layout.tasks) { layout.toRows(maps, into: &back, task: $0) }
    #expect(identical(back, rows))
  }
}
