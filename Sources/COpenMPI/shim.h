// Open MPI's handles are macros that Swift cannot import; each gets a function of the same meaning.
#pragma once
#include <mpi.h>

static inline MPI_Comm dnet_mpi_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Comm dnet_mpi_comm_null(void) { return MPI_COMM_NULL; }
static inline MPI_Datatype dnet_mpi_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype dnet_mpi_byte(void) { return MPI_BYTE; }
static inline MPI_Request dnet_mpi_request_null(void) { return MPI_REQUEST_NULL; }
static inline MPI_Status *dnet_mpi_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline MPI_Status *dnet_mpi_statuses_ignore(void) { return MPI_STATUSES_IGNORE; }
static inline void *dnet_mpi_in_place(void) { return MPI_IN_PLACE; }
static inline MPI_Errhandler dnet_mpi_errors_return(void) { return MPI_ERRORS_RETURN; }
