#include "http.h"
#include "routes.h"
#include "supervisor.h"

enum ur_status ur_route_datasets(const struct ur_request *request, struct ur_reply *reply,
                                 struct ur_error *error)
{
    reply->document = true;
    return ur_supervisor_datasets(request->server->supervisor, &reply->text, error);
}
