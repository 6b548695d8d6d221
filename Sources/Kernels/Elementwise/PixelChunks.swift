// How elementwise passes and sums over pixels are cut into tasks: by the shape alone.
//
//   N images, C channels, H rows, W columns; maps are (N, C/16, H, W, 16)

/// The planes of N x C/16 blocks, each cut into chunks of nearly equal length that fit a core's cache.
///
/// Chunk c lies in plane c / chunksPerPlane, so chunks follow the memory, and sums combined in chunk order have one order.
struct PixelChunks: Sendable {
  /// 1024 pixels of a block are 64 KiB: two streams of that size stay in a second-level cache.
  static let largest = 1024

  let images: Int
  let blocks: Int
  let pixels: Int
  let chunksPerPlane: Int
  private let length: Int

  struct Chunk {
    let block: Int
    /// First float of the chunk in the maps.
    let offset: Int
    let pixels: Int
  }

  /// `blocks` is C/16, `pixels` is H x W.
  init(images: Int, blocks: Int, pixels: Int, largest: Int = Self.largest) {
    self.images = images
    self.blocks = blocks
    self.pixels = pixels
    let pieces = max((pixels + largest - 1) / largest, 1)
    length = (pixels + pieces - 1) / pieces
    chunksPerPlane = length == 0 ? 1 : (pixels + length - 1) / length
  }

  var count: Int { images * blocks * chunksPerPlane }

  @inline(__always) subscript(index: Int) -> Chunk {
    let plane = index / chunksPerPlane
    let range = range(index % chunksPerPlane)
    return Chunk(
      block: plane % blocks, offset: (plane * pixels + range.lowerBound) * 16, pixels: range.count)
  }

  /// The pixels of a plane's piece.
  @inline(__always) func range(_ piece: Int) -> Range<Int> {
    let first = piece * length
    return first..<min(first + length, pixels)
  }

  /// Calls `body` with each chunk of a channel block, image after image: the order in which sums are combined.
  @inline(__always) func forEach(ofBlock block: Int, _ body: (_ index: Int, _ pixels: Int) -> Void) {
    for image in 0..<images {
      for piece in 0..<chunksPerPlane {
        body((image * blocks + block) * chunksPerPlane + piece, range(piece).count)
      }
    }
  }

  /// Calls `body` with each group of up to 16 neighbouring pixels of a chunk; for one block per image.
  @inline(__always) func forEachGroup(_ task: Int, _ body: (_ image: Int, _ pixel: Int, _ count: Int) -> Void) {
    let range = range(task % chunksPerPlane)
    var pixel = range.lowerBound
    while pixel < range.upperBound {
      body(task / chunksPerPlane, pixel, min(16, range.upperBound - pixel))
      pixel += 16
    }
  }
}
