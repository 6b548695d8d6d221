// Where training finds its pictures: a folder in VOC's layout, or a pack of one. Both give the same values.
import Images
import Compute

package protocol ImageStore: Sendable {
  /// Index -> name, 0 the background.
  var classNames: [String] { get }

  /// The images of a list, in its order.
  func images(list: String) throws -> [ListedImage]
  /// Labels of every image, in order.
  func imageLabels(_ images: [ListedImage], workers: WorkerPool) throws -> [LabelVector]
  func photograph(_ image: ListedImage) throws -> RGBImage
  /// The image's mask, its indices checked.
  func loadMask(_ image: ListedImage) throws -> IndexImage
  /// Both, of the same size.
  func loadWithMask(_ image: ListedImage) throws -> (photograph: RGBImage, mask: IndexImage)
  /// Paths of photograph and mask under the root, from a slash on, as crop lists name them; the mask's is nil where the
  /// image has none.
  func names(of image: ListedImage) -> (photograph: String, mask: String?)
}

extension ImageStore {
  /// K, the number of classes without background.
  package var classes: Int { classNames.count - 1 }

  /// Throws `unknownClass` for the first index that is neither in 0...K nor 255.
  package func requireClasses(of mask: IndexImage, name: String) throws(DatasetError) {
    guard let place = mask.indices.firstIndex(where: { $0 > classes && $0 != IndexImage.ignored }) else { return }
    throw .unknownClass(
      mask: name, index: Int(mask.indices[place]), x: place % mask.width, y: place / mask.width, classes: classes)
  }
}

extension VOCDirectory: ImageStore {
  package func photograph(_ image: ListedImage) throws -> RGBImage {
    try Photograph.decode(file: photographPath(image))
  }

  package func names(of image: ListedImage) -> (photograph: String, mask: String?) {
    (underRoot(photographPath(image)), maskPath(image).map(underRoot))
  }

  private func underRoot(_ path: String) -> String {
    path.hasPrefix(root + "/") ? String(path.dropFirst(root.count)) : path
  }
}
