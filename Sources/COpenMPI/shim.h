// Functions for the handles of Open MPI, which are macros that Swift cannot import.
#pragma once
#include <mpi.h>

static inline MPI_Comm dnet_mpi_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Datatype dnet_mpi_byte(void) { return MPI_BYTE; }
static inline MPI_Request dnet_mpi_request_null(void) { return MPI_REQUEST_NULL; }
static inline MPI_Status *dnet_mpi_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline MPI_Errhandler dnet_mpi_errors_return(void) { return MPI_ERRORS_RETURN; }
