// The version and the thread level of the MPI library.
import COpenMPI

package enum MPILibrary {
  /// The library's name and version, such as `Open MPI v4.1.4`. Available before MPI is started.
  package static var version: String {
    var text = [CChar](repeating: 0, count: Int(MPI_MAX_LIBRARY_VERSION_STRING) + 1)
    var length: Int32 = 0
    MPI_Get_library_version(&text, &length)
    let whole = String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return String(whole.prefix { $0 != "," && $0 != "\n" })
  }

  /// The thread level in effect, by its name in the MPI standard; dnet requests FUNNELED.
  package static var threadLevel: String {
    var level: Int32 = -1
    MPI_Query_thread(&level)
    switch level {
    case Int32(MPI_THREAD_SINGLE): return "SINGLE"
    case Int32(MPI_THREAD_FUNNELED): return "FUNNELED"
    case Int32(MPI_THREAD_SERIALIZED): return "SERIALIZED"
    case Int32(MPI_THREAD_MULTIPLE): return "MULTIPLE"
    default: return "unknown (\(level))"
    }
  }
}
